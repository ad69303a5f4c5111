"""The paper's tables 2 to 7, by associating and scoring again what the tables already hold."""
