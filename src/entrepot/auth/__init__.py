"""Who is it, and may it: passwords, tokens, certificates, workloads; roles, grants, policies."""
