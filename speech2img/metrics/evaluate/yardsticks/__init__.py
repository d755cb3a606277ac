"""What real pictures give under the same measures, and whether generated ones are copies of training pictures."""
