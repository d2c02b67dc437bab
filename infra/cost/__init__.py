"""What a stack costs in a month: its plan, priced by a dated table."""
