"""What is heard, as samples: files of any kind and spoken text become one format, at one loudness."""
