"""Two finished runs side by side: what differs in params and stages, in metrics, and in single errors."""
