"""The log on Apache Kafka, scaled out. Importing the client takes time, so nothing is imported here."""
