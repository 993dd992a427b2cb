"""What is too large for rows: files under names, beside a database or in a bucket; and objects of others."""
