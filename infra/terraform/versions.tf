terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.60" }
  }
}
provider "aws" {
  region = var.region
  default_tags { tags = { project = "avatar" } }
}
provider "aws" {
  alias  = "second"
  region = var.second_region
}
