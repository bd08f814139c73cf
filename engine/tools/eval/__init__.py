"""`sa-engine eval`: is sparse prefill near-lossless, on this model and these documents?

Trials (documents with questions whose answers are known) are prefilled dense and sparse through
the same engine as in `sa-chat`, and their answers are scored and compared.
"""
