"""An entry and its link become a QR code and a share poster. Pure: bytes and nouns in, bytes out.

`code` makes QR codes, `glyphs` knows the fonts, `lettering` sets lines, `poster` composes them.
"""
