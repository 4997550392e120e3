"""Tests of the EMR side, against a real Terraform, a real Spark and a moto server on loopback."""
