"""Our program in a machine: sent or found in its template, launched, re-attached to."""
