# Our own key, for what AWS's services write by themselves: with theirs, alarms never reach their topic.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", configuration_aliases = [aws.second] }
  }
}
variable "name" { type = string }
data "aws_caller_identity" "me" {}
locals {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Account", Effect = "Allow", Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }, Action = "kms:*", Resource = "*" },
      {
        Sid       = "Services"
        Effect    = "Allow"
        Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com", "backup.amazonaws.com", "sns.amazonaws.com"] }
        Action    = ["kms:Decrypt", "kms:GenerateDataKey*"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.me.account_id } }
      },
      {
        Sid       = "Logs"
        Effect    = "Allow"
        Principal = { Service = "logs.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:*:${data.aws_caller_identity.me.account_id}:log-group:/${var.name}/*" } }
      },
    ]
  })
}
resource "aws_kms_key" "here" {
  description         = "${var.name}: alarms, logs and backups"
  enable_key_rotation = true
  policy              = local.policy
}
resource "aws_kms_key" "second" {
  provider            = aws.second
  description         = "${var.name}: backups' copies"
  enable_key_rotation = true
  policy              = local.policy
}
output "here" { value = aws_kms_key.here.arn }
output "second" { value = aws_kms_key.second.arn }
