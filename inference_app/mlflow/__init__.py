"""What a pull and a training need of an MLflow server, over its REST API: its own client weighs 100 MB and more."""
