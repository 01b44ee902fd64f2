# 50 to 100 users
size = {
  database_class = "db.m7g.xlarge", multi_az = true, cache_type = "cache.m7g.large", cache_nodes = 3
  gateways       = { type = "m7i.xlarge", min = 3, max = 8 }
  workers        = { types = ["g4dn.xlarge", "g5.xlarge", "g5.2xlarge", "p4d.24xlarge"], min = 2, max = 32, on_demand_base = 2, spot_percent = 80 }
}
