# 50 to 100 users
size = {
  users          = 100
  database_class = "db.m7g.xlarge", multi_az = true, cache_type = "cache.m7g.large", cache_nodes = 3, prefect_type = "m7i.xlarge"
  gateways       = { type = "m7i.xlarge", min = 3, max = 8 }
  cpu_workers    = { types = ["c7i.xlarge", "c6i.xlarge"], min = 3, max = 12, on_demand_base = 3, spot_percent = 80 }
  gpu_workers    = { types = ["g4dn.xlarge", "g5.xlarge", "g5.2xlarge", "p4d.24xlarge"], min = 2, max = 32, on_demand_base = 2, spot_percent = 80 }
}
