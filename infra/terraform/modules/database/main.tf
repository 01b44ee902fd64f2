variable "name" { type = string }
variable "class" { type = string }
variable "multi_az" { type = bool }
variable "subnets" { type = list(string) }
variable "security_group" { type = string }
resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnets
}
resource "aws_db_instance" "this" {
  identifier                          = var.name
  engine                              = "postgres"
  engine_version                      = "15"
  instance_class                      = var.class
  allocated_storage                   = 50
  max_allocated_storage               = 500
  storage_encrypted                   = true
  db_name                             = "avatar"
  username                            = "avatar"
  manage_master_user_password         = true
  multi_az                            = var.multi_az
  publicly_accessible                 = false
  db_subnet_group_name                = aws_db_subnet_group.this.name
  vpc_security_group_ids              = [var.security_group]
  backup_retention_period             = 14
  backup_window                       = "02:00-03:00"
  copy_tags_to_snapshot               = true
  deletion_protection                 = true
  skip_final_snapshot                 = false
  final_snapshot_identifier           = "${var.name}-last"
  auto_minor_version_upgrade          = true
  performance_insights_enabled        = true
  iam_database_authentication_enabled = true
  enabled_cloudwatch_logs_exports     = ["postgresql"]
}
output "identifier" { value = aws_db_instance.this.identifier }
output "arn" { value = aws_db_instance.this.arn }
