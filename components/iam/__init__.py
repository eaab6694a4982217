"""IAM: policy documents, roles, and who may assume them."""
