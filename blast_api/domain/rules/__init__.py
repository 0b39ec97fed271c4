"""When may this phone ring? Pure rules: what is asked, and the moment; never a row, a setting or a clock of their own."""
