"""What `relay check` knows of a configuration file beyond the model: lines, words, relations, the machine it runs on."""
