# What a machine is told when it starts: its containers, where their lines go, and what is measured.
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
output "user_data" {
  value = base64encode("#!/bin/bash\nexport AVATAR_MACHINE='${replace(jsonencode(local.machine), "'", "'\\''")}'\n${file("${path.module}/start.sh")}")
}
