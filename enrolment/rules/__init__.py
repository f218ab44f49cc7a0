"""Pure decisions about documents, faces and leases."""
