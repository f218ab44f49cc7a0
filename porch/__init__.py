"""How any Lodge program meets a browser and the init system."""
