"""The catalogue: device categories, models, repair types with prices, and estimates from them."""
