"""What a registry must do now and then, and what an operator asks of it: expire, collect, check."""
