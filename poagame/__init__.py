"""What selfishness costs in disaggregated LLM serving, and what brings it back."""
