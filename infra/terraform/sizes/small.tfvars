# 1 to 10 users
size = {
  database_class = "db.t4g.small", multi_az = false, cache_type = "cache.t4g.micro", cache_nodes = 1
  gateways       = { type = "t3.medium", min = 1, max = 2 }
  workers        = { types = ["g4dn.xlarge", "g5.xlarge"], min = 0, max = 4, on_demand_base = 1, spot_percent = 80 }
}
