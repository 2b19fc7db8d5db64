"""Who is it, and may it: passwords, tokens, certificates, grants."""
