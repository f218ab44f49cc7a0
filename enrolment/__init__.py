"""People: consent, documents, faces, claims, the register of who lives here."""
