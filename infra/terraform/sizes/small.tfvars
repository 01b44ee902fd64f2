# 1 to 10 users
size = {
  users          = 10
  database_class = "db.t4g.small", multi_az = false, cache_type = "cache.t4g.micro", cache_nodes = 1, prefect_type = "t3.medium"
  gateways       = { type = "t3.medium", min = 1, max = 2 }
  cpu_workers    = { types = ["c7i.xlarge", "c6i.xlarge"], min = 1, max = 2, on_demand_base = 1, spot_percent = 80 }
  gpu_workers    = { types = ["g4dn.xlarge", "g5.xlarge"], min = 0, max = 4, on_demand_base = 1, spot_percent = 80 }
}
