terraform {
  required_providers {
    aws = { source = "hashicorp/aws", configuration_aliases = [aws.second] }
  }
}
variable "name" { type = string }
resource "aws_s3_bucket" "each" {
  for_each = toset(["models", "results"])
  bucket   = "${var.name}-${each.key}"
}
resource "aws_s3_bucket" "copy" {
  provider = aws.second
  bucket   = "${var.name}-models-copy"
}
resource "aws_s3_bucket_public_access_block" "each" {
  for_each                = aws_s3_bucket.each
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
resource "aws_s3_bucket_public_access_block" "copy" {
  provider                = aws.second
  bucket                  = aws_s3_bucket.copy.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
resource "aws_s3_bucket_server_side_encryption_configuration" "each" {
  for_each = aws_s3_bucket.each
  bucket   = each.value.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default { sse_algorithm = "aws:kms" }
  }
}
resource "aws_s3_bucket_server_side_encryption_configuration" "copy" {
  provider = aws.second
  bucket   = aws_s3_bucket.copy.id
  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "aws:kms" }
  }
}
resource "aws_s3_bucket_versioning" "models" {
  bucket = aws_s3_bucket.each["models"].id
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_versioning" "copy" {
  provider = aws.second
  bucket   = aws_s3_bucket.copy.id
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_lifecycle_configuration" "results" {
  bucket = aws_s3_bucket.each["results"].id
  rule {
    id     = "uploads"
    status = "Enabled"
    filter { prefix = "store/uploads/" }
    expiration { days = 7 }
  }
  rule {
    id     = "incomplete"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload { days_after_initiation = 1 }
  }
}
resource "aws_iam_role" "replication" {
  name = "${var.name}-replication"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "s3.amazonaws.com" } }]
  })
}
resource "aws_iam_role_policy" "replication" {
  role = aws_iam_role.replication.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:GetReplicationConfiguration", "s3:ListBucket"], Resource = aws_s3_bucket.each["models"].arn },
      { Effect = "Allow", Action = ["s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"], Resource = "${aws_s3_bucket.each["models"].arn}/*" },
      { Effect = "Allow", Action = ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"], Resource = "${aws_s3_bucket.copy.arn}/*" },
    ]
  })
}
resource "aws_s3_bucket_replication_configuration" "models" {
  depends_on = [aws_s3_bucket_versioning.models, aws_s3_bucket_versioning.copy]
  bucket     = aws_s3_bucket.each["models"].id
  role       = aws_iam_role.replication.arn
  rule {
    id     = "all"
    status = "Enabled"
    filter {}
    delete_marker_replication { status = "Disabled" } # what is deleted here stays there
    destination { bucket = aws_s3_bucket.copy.arn }
  }
}
output "models" { value = aws_s3_bucket.each["models"].id }
output "results" { value = aws_s3_bucket.each["results"].id }
output "bucket_arns" { value = [for bucket in aws_s3_bucket.each : bucket.arn] }
output "models_arn" { value = aws_s3_bucket.each["models"].arn }
