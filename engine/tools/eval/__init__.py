"""`sa-engine eval`: is sparse prefill near-lossless, on this model and these documents?

Trials (documents with questions whose answers are known) are read dense and sparse on the way
that `sa-chat` takes, and their answers are scored and compared.
"""
