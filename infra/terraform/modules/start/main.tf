# What a machine starts from, and what it is told then: its containers, where their lines go, and what is measured.
variable "name" { type = string }
variable "ami" { type = string }
variable "type" {
  type        = string
  default     = null
  description = "None where the group names several."
}
variable "security_group" { type = string }
variable "instance_profile" { type = string }
variable "disk_gb" {
  type    = number
  default = 30
}
variable "secret_arn" { type = string }
variable "log_group" { type = string }
variable "services" {
  type        = map(object({ image = string, options = string, command = string, metrics_port = optional(number) }))
  description = "Containers by name; metrics_port is published on the machine itself."
}
variable "gpu" {
  type    = bool
  default = false
}
locals {
  scraped = { for name, service in var.services : name => service.metrics_port if service.metrics_port != null }
  scrape = {
    global = { scrape_interval = "1m", scrape_timeout = "10s" }
    scrape_configs = [for name, port in local.scraped : {
      job_name       = name
      authorization  = { credentials_file = "/etc/avatar/metrics-token" }
      static_configs = [{ targets = ["127.0.0.1:${port}"] }]
    }]
  }
  # Alarms and scaling read these: the pool's are told by its exporter, the workers' summed by group
  declared = [
    { source_labels = ["job"], label_matcher = "^queue-.*", dimensions = [["pool"]], metric_selectors = ["^avatar_pool_(waiting_runs|oldest_waiting_seconds|workers|desired_workers|up)$"] },
    { source_labels = ["job"], label_matcher = "^queue-.*", dimensions = [["job"]], metric_selectors = ["^avatar_pool_last_backup_timestamp_seconds$"] },
    { source_labels = ["job"], label_matcher = "^worker$", dimensions = [["job"]], metric_selectors = ["^avatar_worker_(children|slots|busy)$"] },
    { source_labels = ["job"], label_matcher = "^gateway$", dimensions = [["job"]], metric_selectors = ["^avatar_gateway_(open_videos|prefect_up)$"] },
  ]
  agent = {
    agent = { metrics_collection_interval = 60 }
    metrics = {
      namespace              = "Avatar"
      append_dimensions      = { AutoScalingGroupName = "$${aws:AutoScalingGroupName}" }
      aggregation_dimensions = [["AutoScalingGroupName"]]
      metrics_collected = merge(
        { mem = { measurement = ["mem_used_percent"] }, disk = { measurement = ["used_percent"], resources = ["/"] } },
        var.gpu ? { nvidia_gpu = { measurement = ["utilization_gpu", "memory_used"] } } : {},
      )
    }
    logs = {
      metrics_collected = {
        prometheus = {
          prometheus_config_path = "/etc/avatar/prometheus.yaml"
          log_group_name         = var.log_group
          emf_processor          = { metric_namespace = "Avatar", metric_declaration = local.declared }
        }
      }
    }
  }
  machine = {
    secret    = var.secret_arn
    log_group = var.log_group
    services  = { for name, service in var.services : name => { image = service.image, command = service.command, options = join(" ", compact([service.metrics_port == null ? "" : "-p 127.0.0.1:${service.metrics_port}:${service.metrics_port}", service.options])) } }
    scrape    = yamlencode(local.scrape)
    agent     = jsonencode(local.agent)
  }
}
resource "aws_launch_template" "this" {
  name_prefix            = "${var.name}-"
  image_id               = var.ami
  instance_type          = var.type
  vpc_security_group_ids = [var.security_group]
  user_data              = base64encode("#!/bin/bash\nexport AVATAR_MACHINE='${replace(jsonencode(local.machine), "'", "'\\''")}'\n${file("${path.module}/start.sh")}")
  iam_instance_profile { arn = var.instance_profile }
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 2 # one more: containers read the notice of a spot interruption
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      encrypted   = true
      volume_size = var.disk_gb
    }
  }
}
output "template" { value = aws_launch_template.this.id }
output "told" { value = base64decode(aws_launch_template.this.user_data) }
