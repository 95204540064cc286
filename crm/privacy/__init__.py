"""What is held about one person: gathered, exported, erased (product.md, row 78; rule 40)."""
