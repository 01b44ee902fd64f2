# Recipes of the two AMIs, by EC2 Image Builder: what a machine needs before its start script runs, and
# our image with its models, so that a new worker is there in a minute and not in ten.
variable "name" { type = string }
variable "subnet" { type = string }
variable "security_group" { type = string }
variable "topic_arn" { type = string }
variable "containers" {
  type        = object({ gateway = string, worker_gpu = string })
  description = "Pulled into the AMI of the kind."
}
data "aws_region" "here" {}
locals {
  parents = {
    gateway    = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    worker_gpu = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-amazon-linux-2023/latest/ami-id"
  }
  version = "1.0.0"
}
data "aws_ssm_parameter" "parent" {
  for_each = local.parents
  name     = each.value
}
resource "aws_iam_role" "builder" {
  name = "${var.name}-image-builder"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}
resource "aws_iam_role_policy_attachment" "builder" {
  for_each   = toset(["EC2InstanceProfileForImageBuilder", "EC2InstanceProfileForImageBuilderECRContainerBuilds", "AmazonSSMManagedInstanceCore"])
  role       = aws_iam_role.builder.name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}
resource "aws_iam_instance_profile" "builder" {
  name = "${var.name}-image-builder"
  role = aws_iam_role.builder.name
}
resource "aws_imagebuilder_component" "each" {
  #checkov:skip=CKV_AWS_180:it holds no secret
  for_each = local.parents
  name     = "${var.name}-${replace(each.key, "_", "-")}"
  platform = "Linux"
  version  = local.version
  data     = templatefile("${path.module}/component.yaml", { image = var.containers[each.key], gpu = each.key == "worker_gpu" })
}
resource "aws_imagebuilder_image_recipe" "each" {
  #checkov:skip=CKV_AWS_200:of AWS's own key: nobody else may start it
  for_each     = local.parents
  name         = "${var.name}-${replace(each.key, "_", "-")}"
  parent_image = data.aws_ssm_parameter.parent[each.key].value
  version      = local.version
  component { component_arn = aws_imagebuilder_component.each[each.key].arn }
  block_device_mapping {
    device_name = "/dev/xvda"
    ebs {
      encrypted   = true
      volume_size = each.key == "worker_gpu" ? 100 : 30
      volume_type = "gp3"
    }
  }
}
resource "aws_imagebuilder_infrastructure_configuration" "each" {
  for_each                      = local.parents
  name                          = "${var.name}-${replace(each.key, "_", "-")}"
  instance_profile_name         = aws_iam_instance_profile.builder.name
  instance_types                = [each.key == "worker_gpu" ? "g4dn.xlarge" : "t3.medium"]
  subnet_id                     = var.subnet
  security_group_ids            = [var.security_group]
  sns_topic_arn                 = var.topic_arn
  terminate_instance_on_failure = true
  instance_metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
}
resource "aws_imagebuilder_distribution_configuration" "each" {
  #checkov:skip=CKV_AWS_199:of AWS's own key: nobody else may start it
  for_each = local.parents
  name     = "${var.name}-${replace(each.key, "_", "-")}"
  distribution {
    region = data.aws_region.here.name
    ami_distribution_configuration {
      name     = "${var.name}-${replace(each.key, "_", "-")}-{{ imagebuilder:buildDate }}"
      ami_tags = { project = "avatar" }
    }
  }
}
# Weekly where the parent has changed: patches come without anybody asking.
resource "aws_imagebuilder_image_pipeline" "each" {
  for_each                         = local.parents
  name                             = "${var.name}-${replace(each.key, "_", "-")}"
  image_recipe_arn                 = aws_imagebuilder_image_recipe.each[each.key].arn
  infrastructure_configuration_arn = aws_imagebuilder_infrastructure_configuration.each[each.key].arn
  distribution_configuration_arn   = aws_imagebuilder_distribution_configuration.each[each.key].arn
  schedule {
    schedule_expression                = "cron(0 4 ? * mon *)"
    pipeline_execution_start_condition = "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE"
  }
}
output "pipelines" { value = { for kind, pipeline in aws_imagebuilder_image_pipeline.each : kind => pipeline.arn } }
