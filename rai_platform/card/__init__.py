"""One document from the evidence: for a business reader, an auditor and a program."""
