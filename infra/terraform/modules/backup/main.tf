# AWS Backup: the database and the models each night, and a copy of them in the second region.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", configuration_aliases = [aws.second] }
  }
}
variable "name" { type = string }
variable "key_arn" { type = string }
variable "second_key_arn" { type = string }
variable "topic_arn" { type = string }
variable "resources" { type = list(string) }
variable "kept_days" { type = number }
variable "lock_days" {
  type        = number
  description = "So long nobody, not even we, can delete what is kept; 0: no lock."
}
resource "aws_backup_vault" "here" {
  name        = "${var.name}-nightly"
  kms_key_arn = var.key_arn
}
resource "aws_backup_vault" "second" {
  provider    = aws.second
  name        = "${var.name}-copy"
  kms_key_arn = var.second_key_arn
}
resource "aws_backup_vault_lock_configuration" "here" {
  count              = var.lock_days > 0 ? 1 : 0
  backup_vault_name  = aws_backup_vault.here.name
  min_retention_days = var.lock_days
}
resource "aws_backup_vault_lock_configuration" "second" {
  count              = var.lock_days > 0 ? 1 : 0
  provider           = aws.second
  backup_vault_name  = aws_backup_vault.second.name
  min_retention_days = var.lock_days
}
resource "aws_backup_plan" "nightly" {
  name = var.name
  rule {
    rule_name         = "nightly"
    target_vault_name = aws_backup_vault.here.name
    schedule          = "cron(30 3 * * ? *)" # after the database's own window
    start_window      = 60
    completion_window = 240
    lifecycle { delete_after = var.kept_days }
    copy_action {
      destination_vault_arn = aws_backup_vault.second.arn
      lifecycle { delete_after = var.kept_days }
    }
  }
}
resource "aws_iam_role" "backup" {
  name = "${var.name}-backup"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "backup.amazonaws.com" } }]
  })
}
resource "aws_iam_role_policy_attachment" "backup" {
  for_each = toset([
    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup",
    "arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores",
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup",
    "arn:aws:iam::aws:policy/AWSBackupServiceRolePolicyForS3Restore",
  ])
  role       = aws_iam_role.backup.name
  policy_arn = each.value
}
resource "aws_backup_selection" "all" {
  name         = var.name
  plan_id      = aws_backup_plan.nightly.id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = var.resources
}
resource "aws_backup_vault_notifications" "failed" {
  backup_vault_name   = aws_backup_vault.here.name
  sns_topic_arn       = var.topic_arn
  backup_vault_events = ["BACKUP_JOB_FAILED", "BACKUP_JOB_EXPIRED", "COPY_JOB_FAILED", "S3_BACKUP_OBJECT_FAILED"]
}
output "vault" { value = aws_backup_vault.here.name }
