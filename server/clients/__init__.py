"""Write bellglass into the configuration of client applications."""
