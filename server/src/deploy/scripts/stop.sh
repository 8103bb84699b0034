stop_service
echo 'Stopped.'
