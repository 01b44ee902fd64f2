# 10 to 50 users
size = {
  users          = 50
  database_class = "db.m7g.large", multi_az = true, cache_type = "cache.m7g.large", cache_nodes = 2, prefect_type = "m7i.large"
  gateways       = { type = "m7i.large", min = 2, max = 4 }
  cpu_workers    = { types = ["c7i.xlarge", "c6i.xlarge"], min = 2, max = 6, on_demand_base = 2, spot_percent = 80 }
  gpu_workers    = { types = ["g4dn.xlarge", "g5.xlarge", "g5.2xlarge"], min = 1, max = 12, on_demand_base = 1, spot_percent = 80 }
}
