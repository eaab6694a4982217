"""What moto's ECR lacks or has wrong: layer bytes, digests, moving tags, immutability."""
