"""The scaled-out store on Elasticsearch. Importing the client takes 0.7 s, so nothing is imported here."""
