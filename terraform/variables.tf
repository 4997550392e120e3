# Everything that can be chosen. `terraform.tfvars.example` shows the usual choices.

variable "name" {
  description = "Name of the stack: prefixes every resource and is the value of its Project tag."
  type        = string
  default     = "ridge-spark"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,24}[a-z0-9]$", var.name))
    error_message = "name: 3 to 26 lower-case letters, digits and hyphens, starting with a letter."
  }
}

variable "region" {
  description = "AWS region; null takes the one of the caller's profile or AWS_REGION."
  type        = string
  default     = null

  validation {
    condition     = var.region == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: an AWS region such as eu-west-1."
  }
}

variable "target" {
  description = "What runs the jobs: an EMR cluster on EC2, or an EMR Serverless application."
  type        = string
  default     = "cluster"

  validation {
    condition     = contains(["cluster", "serverless"], var.target)
    error_message = "target: cluster or serverless."
  }
}

variable "release_label" {
  description = "EMR release: emr-7.x (Spark 3.5, on a cluster) or emr-spark-8.x (Spark 4); null for emr-7.14.0 on a cluster, emr-spark-8.1.0 on serverless."
  type        = string
  default     = null

  # emr-7.0 is the one release of the two lines without Python 3.11.
  validation {
    condition     = var.release_label == null || can(regex("^(emr-7\\.[1-9][0-9]?|emr-spark-8\\.[0-9]{1,2})\\.[0-9]{1,2}$", var.release_label))
    error_message = "release_label: emr-7.1.0 or later, or emr-spark-8.N.N, for example emr-7.14.0 or emr-spark-8.1.0."
  }

  validation {
    condition     = var.target != "serverless" || var.release_label == null || startswith(coalesce(var.release_label, "-"), "emr-spark-8.")
    error_message = "release_label: the serverless images of emr-7.x have no Python 3.11; leave it out, or choose emr-spark-8.1.0."
  }
}

variable "primary_type" {
  description = "Instance type of the primary node, where the driver runs and the ridge systems are solved."
  type        = string
  default     = "m7g.xlarge"

  validation {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.primary_type))
    error_message = "primary_type: an EC2 instance type such as m7g.xlarge."
  }
}

variable "worker_type" {
  description = "Instance type of the core nodes."
  type        = string
  default     = "m7g.2xlarge"

  validation {
    condition     = can(regex("^[a-z0-9-]+\\.[a-z0-9-]+$", var.worker_type))
    error_message = "worker_type: an EC2 instance type such as m7g.2xlarge."
  }
}

variable "worker_alternatives" {
  description = "Up to four other types for core nodes where worker_type has no capacity, with its vCPUs, at least its memory and its processor; null for dearer relatives, [] for none."
  type        = list(string)
  default     = null

  validation {
    condition     = var.worker_alternatives == null || try(length(var.worker_alternatives) <= 4 && !contains(var.worker_alternatives, var.worker_type), false)
    error_message = "worker_alternatives: up to four instance types other than worker_type."
  }
}

variable "zone" {
  description = "Availability zone of the nodes, such as us-east-1b; null for one that offers the instance types and the endpoints' services."
  type        = string
  default     = null

  validation {
    condition     = var.zone == null || can(regex("^[a-z]{2}(-[a-z]+)+-[0-9][a-z]$", var.zone))
    error_message = "zone: an availability zone such as us-east-1b."
  }
}

variable "steps_at_once" {
  description = "Most jobs the cluster runs at the same time; each takes a share of the primary node for its driver and 1 GiB of a worker for its application master."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.steps_at_once >= 1 && var.steps_at_once <= 16 && floor(var.steps_at_once) == var.steps_at_once
    error_message = "steps_at_once: a whole number from 1 to 16."
  }
}

variable "workers" {
  description = "Fewest and most on-demand core nodes; managed scaling moves between the two."
  type = object({
    min = optional(number, 2)
    max = optional(number, 4)
  })
  default  = {}
  nullable = false

  validation {
    condition = (
      var.workers.min >= 1 && var.workers.max >= var.workers.min && var.workers.max <= 64
      && floor(var.workers.min) == var.workers.min && floor(var.workers.max) == var.workers.max
    )
    error_message = "workers: whole numbers with 1 <= min <= max <= 64."
  }
}

variable "spot" {
  description = "Most Spot task nodes (0 for none) and the instance types to take them from, with at least worker_type's memory and vCPUs, at most at the on-demand price."
  type = object({
    max   = optional(number, 0)
    types = optional(list(string), ["m7g.2xlarge", "m6g.2xlarge"])
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.spot.max >= 0 && var.spot.max <= 64 && floor(var.spot.max) == var.spot.max
    error_message = "spot.max: a whole number from 0 to 64."
  }

  validation {
    condition     = length(var.spot.types) >= 1 && length(var.spot.types) <= 5
    error_message = "spot.types: one to five instance types."
  }
}

variable "disk_gib" {
  description = "Size in GiB of each node's encrypted gp3 data disk."
  type        = number
  default     = 64

  validation {
    condition     = var.disk_gib >= 32 && var.disk_gib <= 2048
    error_message = "disk_gib: 32 to 2048."
  }
}

variable "idle_minutes" {
  description = "Minutes without a step after which the cluster (or the application) ends itself. It cannot be turned off."
  type        = number
  default     = 30

  validation {
    condition     = var.idle_minutes >= 5 && var.idle_minutes <= 1440
    error_message = "idle_minutes: 5 to 1440; a cluster that never ends itself is not offered."
  }
}

variable "serverless_max_vcpus" {
  description = "Most vCPUs the serverless application may use at once, over all its jobs."
  type        = number
  default     = 32

  validation {
    condition     = var.serverless_max_vcpus >= 8 && var.serverless_max_vcpus <= 512
    error_message = "serverless_max_vcpus: 8 to 512."
  }
}

variable "public_subnet" {
  description = "Put the nodes in a public subnet instead of a private one: no endpoints to pay for, still no way in."
  type        = bool
  default     = false
  nullable    = false
}

variable "vpc_cidr" {
  description = "Addresses of the cluster's own network."
  type        = string
  default     = "10.71.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.vpc_cidr, 4, 1)) && try(tonumber(split("/", var.vpc_cidr)[1]) <= 22, false)
    error_message = "vpc_cidr: an IPv4 block of /22 or larger, for example 10.71.0.0/16."
  }
}

variable "data_locations" {
  description = "Other S3 places the jobs may read data sets from, such as s3://my-bucket/mnist. The stack's own bucket is always readable."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([
      for location in var.data_locations :
      can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^*?]*)?$", location))
    ])
    error_message = "data_locations: s3://bucket or s3://bucket/prefix, without wildcards."
  }
}

variable "log_days" {
  description = "Days after which logs are deleted."
  type        = number
  default     = 30

  validation {
    condition     = var.log_days >= 1 && var.log_days <= 3650
    error_message = "log_days: 1 to 3650."
  }
}

variable "keep_bucket_contents" {
  description = "Refuse to destroy the buckets while they hold anything, instead of emptying them."
  type        = bool
  default     = false
  nullable    = false
}

variable "budget" {
  description = "Monthly budget in USD for what carries this stack's Project tag, and who is told at 80 and 100 percent; null for none."
  type = object({
    usd   = number
    email = string
  })
  default = null

  validation {
    condition     = var.budget == null || try(var.budget.usd > 0 && can(regex("^[^@ ]+@[^@ ]+$", var.budget.email)), false)
    error_message = "budget: usd above 0 and an e-mail address."
  }
}

variable "tags" {
  description = "Further tags for every resource."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "package_dir" {
  description = "Where `make emr-up` puts the nodes' wheels and certificates, relative to this directory."
  type        = string
  default     = "../dist/emr"
}
