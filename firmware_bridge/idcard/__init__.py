"""The SAM_V module of resident ID-card readers: frames and the text on a chip.

Fingerprints are never asked for; the picture's bytes are overwritten unread.
"""
