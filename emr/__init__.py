"""Runs the packaged jobs on AWS EMR: packaging, uploading, submitting, following, fetching."""
