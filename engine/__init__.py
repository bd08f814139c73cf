"""The sa-chat engine: reads documents sparsely and answers about them."""
