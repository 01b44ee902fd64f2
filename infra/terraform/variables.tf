variable "region" { type = string }
variable "second_region" {
  type        = string
  description = "Where models are kept a second time."
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
  type        = object({ gateway = string, worker_gpu = string })
  description = "Addresses in a registry, with their tags or digests."
}
variable "ami" {
  type        = object({ gateway = string, worker_gpu = string })
  description = "Images with Docker, and for workers NVIDIA's driver and container toolkit."
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
variable "size" {
  type = object({
    database_class = string, multi_az = bool, cache_type = string, cache_nodes = number
    gateways       = object({ type = string, min = number, max = number })
    workers        = object({ types = list(string), min = number, max = number, on_demand_base = number, spot_percent = number })
  })
}
