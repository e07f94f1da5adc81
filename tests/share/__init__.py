"""QR codes and posters, read back as a phone would."""
