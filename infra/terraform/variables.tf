variable "region" { type = string }
variable "second_region" {
  type        = string
  description = "Where models and backups are kept a second time."
}
variable "name" {
  type        = string
  description = "Names and buckets begin with it."
}
variable "certificate_arn" {
  type        = string
  description = "ACM's, of the gateway's host name."
}
variable "images" {
  type        = object({ gateway = string, worker_cpu = string, worker_gpu = string })
  description = "Addresses in a registry, avatar-… with their tags or digests."
}
variable "ami" {
  type        = object({ gateway = string, worker_gpu = string })
  description = "As image_builder makes them: Docker, jq, CloudWatch's agent, for worker_gpu NVIDIA's driver and toolkit."
}
variable "secret_arn" {
  type        = string
  description = "Secrets Manager's: a JSON object of the environment of .env.example."
}
variable "alarm_endpoints" {
  type        = list(string)
  default     = []
  description = "https:// addresses of PagerDuty's and Opsgenie's integrations with SNS."
}
variable "budget_usd" {
  type        = number
  default     = 2000
  description = "A month; the topic is told at 80 %, and where the forecast is above. Activate the cost allocation tag project first."
}
variable "log_days" {
  type    = number
  default = 30
}
variable "backup" {
  type    = object({ kept_days = number, lock_days = number })
  default = { kept_days = 35, lock_days = 0 }
  validation {
    condition     = var.backup.lock_days <= var.backup.kept_days
    error_message = "lock_days above kept_days: the vault would refuse each backup."
  }
}
variable "eks" {
  type        = object({ kubernetes = string })
  default     = null
  description = "A cluster of this version, instead of the machines of gateway, Prefect and workers."
}
variable "image_builder" {
  type        = bool
  default     = false
  description = "Pipelines that make the AMIs, weekly."
}
variable "size" {
  type = object({
    users          = number # at once: what the autoscaler's rule is chosen by
    database_class = string, multi_az = bool, cache_type = string, cache_nodes = number, prefect_type = string
    gateways       = object({ type = string, min = number, max = number })
    cpu_workers    = object({ types = list(string), min = number, max = number, on_demand_base = number, spot_percent = number })
    gpu_workers    = object({ types = list(string), min = number, max = number, on_demand_base = number, spot_percent = number })
  })
}
