"""Our program in a machine: sent or found in its template, launched, taken over."""
