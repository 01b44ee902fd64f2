# 10 to 50 users
size = {
  database_class = "db.m7g.large", multi_az = true, cache_type = "cache.m7g.large", cache_nodes = 2
  gateways       = { type = "m7i.large", min = 2, max = 4 }
  workers        = { types = ["g4dn.xlarge", "g5.xlarge", "g5.2xlarge"], min = 1, max = 12, on_demand_base = 1, spot_percent = 80 }
}
