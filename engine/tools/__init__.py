"""`sa-engine eval` and `sa-engine bench`: is it near-lossless, and how fast?"""
