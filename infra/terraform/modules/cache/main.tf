variable "name" { type = string }
variable "type" { type = string }
variable "nodes" { type = number }
variable "subnets" { type = list(string) }
variable "security_group" { type = string }
resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnets
}
resource "aws_elasticache_replication_group" "this" {
  replication_group_id       = var.name
  description                = "Prefect's messages and the counts of calls"
  engine                     = "redis"
  engine_version             = "7.1"
  node_type                  = var.type
  num_cache_clusters         = var.nodes
  automatic_failover_enabled = var.nodes > 1
  multi_az_enabled           = var.nodes > 1
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  snapshot_retention_limit   = 7
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [var.security_group]
}
